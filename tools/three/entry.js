// What the player of `avatar-kit export --to player.html` takes of three.js.
export {
  AnimationMixer, Box3, BufferAttribute, Color, DataTexture, FloatType, GLSL3, GridHelper, InstancedBufferAttribute,
  InstancedBufferGeometry, LoopPingPong, LoopRepeat, Mesh, PerspectiveCamera, RGBAFormat, Scene, ShaderMaterial, Vector2,
  Vector3, WebGLRenderer,
} from "three";
export { OrbitControls } from "three/addons/controls/OrbitControls.js";
export { GLTFLoader } from "three/addons/loaders/GLTFLoader.js";
